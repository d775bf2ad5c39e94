// The network settings as the person edits them.

import type { Network, PlaceKind } from "../backend/bindings";
import { isSocketAddress } from "../shared/links";
import { strings } from "../shared/strings";

export interface NewServer {
  address: string;
  kind: PlaceKind;
  token: string;
}

/** What is wrong with a server that is to be added, or null. */
export function serverProblem(network: Network, server: NewServer): string | null {
  const address = server.address.trim();
  if (!isSocketAddress(address)) return strings.settings.invalidAddress;
  if (network.servers.some((other) => other.address === address)) return strings.settings.duplicateAddress;
  return null;
}

export function isUnencrypted(address: string): boolean {
  return /^ws:\/\//i.test(address.trim()) && !/^ws:\/\/(localhost|127\.|\[::1\])/i.test(address.trim());
}

export function withServer(network: Network, server: NewServer): Network {
  const { token, kind } = server;
  return { ...network, servers: [...network.servers, { address: server.address.trim(), kind, token, hasToken: token !== "" }] };
}

export function withoutServer(network: Network, address: string): Network {
  return { ...network, servers: network.servers.filter((server) => server.address !== address) };
}

/** What is wrong with listening as it is set, or null. */
export function listenProblem(listen: Network["listen"]): string | null {
  const tokenMissing = listen.token === null ? !listen.hasToken : listen.token === "";
  return listen.enabled && listen.everywhere && tokenMissing ? strings.settings.needsToken : null;
}

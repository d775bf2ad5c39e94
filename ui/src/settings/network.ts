// The network settings as the person edits them.

import type { Connection, Network, PlaceKind } from "../backend/bindings";
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
  if (!isSocketAddress(address)) return false;
  const { protocol, hostname } = new URL(address.trim());
  return protocol === "ws:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

export function withServer(network: Network, server: NewServer): Network {
  const { token, kind } = server;
  return { ...network, servers: [...network.servers, { address: server.address.trim(), kind, token, hasToken: token !== "" }] };
}

/** A server of the list with another token. */
export function withToken(network: Network, address: string, token: string): Network {
  const changed = (server: Network["servers"][number]) => (server.address === address ? { ...server, token, hasToken: token !== "" } : server);
  return { ...network, servers: network.servers.map(changed) };
}

/** Where we were not let in, and have not been since: while it is tried again, too. */
export function shutOutOf(before: ReadonlySet<string>, connections: Connection[]): Set<string> {
  const isShutOut = ({ address, state }: Connection) => state === "refused" || (state !== "connected" && before.has(address));
  return new Set(connections.filter(isShutOut).map((connection) => connection.address));
}

export function withoutServer(network: Network, address: string): Network {
  return { ...network, servers: network.servers.filter((server) => server.address !== address) };
}

/** Where others are let in when the person names no other port. */
export const usualPort = 3031;

/** What is wrong with listening as it is set, or null. */
export function listenProblem(listen: Network["listen"]): string | null {
  if (!listen.enabled) return null;
  if (!isPort(listen.port)) return strings.settings.invalidPort;
  const tokenMissing = listen.token === null ? !listen.hasToken : listen.token === "";
  return listen.everywhere && tokenMissing ? strings.settings.needsToken : null;
}

/** What of listening can be kept: a port that is none is no reason to go on listening. */
export function keptListen(listen: Network["listen"]): Network["listen"] {
  return isPort(listen.port) ? listen : { ...listen, port: usualPort };
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

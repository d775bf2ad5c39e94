// automerge-repo's own acceptance tests of network adapters, with a server of ours between the
// adapters. The others of them are about what adapters tell of each other without a server.

// Prepares the engine, which the tests themselves do not.
import "@automerge/automerge-repo"
import { runNetworkAdapterTests } from "@automerge/automerge-repo/helpers/tests/network-adapter-tests.js"
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"

const url = process.env.REJOIN_TEST_SERVER
// Adapters dial again when they have waited for so long, also while the first socket still opens; the
// tests close one then, and the machine may be busy.
const retryInterval = 60_000
const adapter = () => new WebSocketClientAdapter(url, retryInterval)

function disconnect(adapter) {
  // Not every test uses all three, and one that was never connected cannot be disconnected.
  if (adapter.socket) adapter.disconnect()
}

runNetworkAdapterTests(async () => {
  const adapters = [adapter(), adapter(), adapter()]
  return { adapters, teardown: () => adapters.forEach(disconnect) }
}, "through a server")

// A sync server on the current automerge-repo: as the published one, which is on an older version.

import { Repo } from "@automerge/automerge-repo"
import { WebSocketServerAdapter } from "@automerge/automerge-repo-network-websocket"
import { WebSocketServer } from "ws"

const socket = new WebSocketServer({ port: Number(process.env.PORT), host: "127.0.0.1" })
const network = [new WebSocketServerAdapter(socket)]
new Repo({ network, peerId: "storage-server-test", sharePolicy: async () => false })

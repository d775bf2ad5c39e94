// A client of automerge-repo with a Markdown note in the shape that Patchwork makes. It prints the note's
// link, then does what its standard input says and answers each line with one of its own:
//
//   append TEXT     writes at the end of the note
//   await TEXT      waits until the note has the text
//
// node patchwork.mjs URL

import * as Automerge from "@automerge/automerge"
import { Repo } from "@automerge/automerge-repo"
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"
import { createInterface } from "node:readline"

const repo = new Repo({ network: [new WebSocketClientAdapter(process.argv[2], 200)] })
const handle = repo.create({ "@patchwork": { type: "markdown" }, content: "# From Patchwork\n" })
console.log(handle.url)

for await (const line of createInterface({ input: process.stdin })) {
  const [word, text] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]
  if (word === "append") {
    handle.change((doc) => Automerge.splice(doc, ["content"], doc.content.length, 0, text))
  } else {
    while (!handle.doc().content.includes(text)) {
      await new Promise((resolve) => handle.once("change", resolve))
    }
  }
  console.log(JSON.stringify(handle.doc()))
}
process.exit(0)

// Clients of automerge-repo with a server of ours, or with two that are linked.
//
// node clients.mjs meet URL            what clients do with one server
// node clients.mjs linked URL URL      a client on each of two linked servers
// node clients.mjs heads URL ID ID     a client of one of two linked servers, which have these stores

import { Repo } from "@automerge/automerge-repo"
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket"
import assert from "node:assert"

const [scenario, ...urls] = process.argv.slice(2)

const client = (name, url = urls[0]) =>
  new Repo({ network: [new WebSocketClientAdapter(url, 200)], peerId: name })

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

async function until(what, isSo) {
  const begun = Date.now()
  while (!(await isSo())) {
    if (Date.now() - begun > 20_000) throw new Error(`this takes too long: ${what}`)
    await pause(10)
  }
  console.log(`${what}: ${Date.now() - begun} ms`)
}

// Who asks before the document has reached the server is told that it is not there.
async function find(repo, url) {
  let handle
  await until("a document is found", async () => {
    handle = await repo.find(url).catch(() => undefined)
    return handle !== undefined
  })
  return handle
}

async function meet() {
  const [alice, bob] = [client("alice"), client("bob")]
  const hers = alice.create({ text: "hello", list: [1, { deep: true }], bytes: new Uint8Array([1, 2]) })
  const his = await find(bob, hers.url)
  assert.deepEqual(his.doc(), hers.doc())

  hers.change((doc) => (doc.text = "hello there"))
  his.change((doc) => doc.list.push("from bob"))
  await until("concurrent edits meet", () => {
    const same = JSON.stringify(hers.doc()) === JSON.stringify(his.doc())
    return same && his.doc().text === "hello there" && his.doc().list.length === 3
  })

  for (const [from, to] of [[hers, his], [his, hers]]) {
    const heard = []
    to.on("ephemeral-message", ({ message }) => heard.push(message))
    from.broadcast({ cursor: [1, "x"] })
    await until("an ephemeral message arrives", () => heard.length > 0)
    assert.deepEqual(heard, [{ cursor: [1, "x"] }])
  }

  const nobodyHas = "automerge:2v36xqWcspA5nvfg48HaHDXnDdeE"
  await assert.rejects(bob.find(nobodyHas), /unavailable/)

  const others = Array.from({ length: 20 }, (_, i) => client(`client-${i}`))
  const handles = await Promise.all(others.map((repo) => find(repo, hers.url)))
  handles.forEach((handle, i) => handle.change((doc) => (doc[`key${i}`] = i)))
  const keys = (handle) => Object.keys(handle.doc()).filter((key) => key.startsWith("key"))
  await until("twenty clients agree", () => handles.every((handle) => keys(handle).length === 20))

  const adapter = new WebSocketClientAdapter(urls[0], 200)
  const away = new Repo({ network: [adapter], peerId: "away" })
  const mine = await find(away, hers.url)
  adapter.disconnect()
  mine.change((doc) => (doc.offline = true))
  hers.change((doc) => (doc.meanwhile = true))
  await pause(200)
  assert.equal(hers.doc().offline, undefined)
  adapter.connect("away", {})
  await until("who was offline is back", () => hers.doc().offline && mine.doc().meanwhile)
}

async function linked() {
  const [alice, bob] = [client("alice", urls[0]), client("bob", urls[1])]
  const hers = alice.create({ from: "alice" })
  const his = await find(bob, hers.url)
  assert.deepEqual(his.doc(), { from: "alice" })
  his.change((doc) => (doc.answer = "bob"))
  await until("the answer crosses the link", () => hers.doc().answer === "bob")
  const heard = []
  his.on("ephemeral-message", ({ message }) => heard.push(message))
  hers.broadcast("wave")
  await until("an ephemeral message crosses the link", () => heard.includes("wave"))
}

// What is on the disks of two linked servers, heard of by a client of the first.
async function heads() {
  const [near, ...stores] = urls
  const network = [new WebSocketClientAdapter(near, 200)]
  const repo = new Repo({ network, peerId: "alice", enableRemoteHeadsGossiping: true })
  repo.subscribeToRemotes(stores)
  const hers = repo.create({ text: "precious" })
  const heard = new Map()
  hers.on("remote-heads", ({ storageId, heads }) => heard.set(storageId, heads.join()))
  const are = () => stores.every((store) => heard.get(store) === hers.heads().join())
  await until("both servers have it on their disks", are)
  hers.change((doc) => (doc.text = "more precious"))
  await until("both servers have the edit too", are)
  assert.equal(hers.getSyncInfo(stores[0]).lastHeads.join(), hers.heads().join())
}

await { meet, linked, heads }[scenario]()
process.exit(0)

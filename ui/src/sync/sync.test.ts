import { describe, expect, test } from "vitest";
import type { Connection, Network, Place } from "../backend/bindings";
import { defaultNetwork } from "../backend/memory";
import { chartShape, niceTop } from "./chart";
import { placeWords, statusSentence, type StatusInput } from "./words";

const now = new Date(2026, 2, 4, 12, 0).getTime();
const server: Place = { name: "home.example", kind: "server", state: "saved", at: now };
const ana: Place = { name: "Ana", kind: "peer", state: "received", at: now };
const connection = (change: Partial<Connection>): Connection => ({
  id: "1",
  address: "wss://home.example",
  name: "home.example",
  kind: "server",
  incoming: false,
  state: "connected",
  since: now,
  lastError: null,
  nextRetry: null,
  ...change,
});

function say(change: Partial<StatusInput>, places: Place[] = []): { tone: string; text: string } {
  const network: Network = defaultNetwork;
  return statusSentence({
    status: { disk: { kind: "saved", at: now }, places },
    draft: null,
    network,
    connections: [],
    goesTo: [],
    trouble: false,
    now,
    ...change,
  });
}

describe("the status sentence", () => {
  test("says where the note is", () => {
    expect(say({})).toEqual({ tone: "good", text: "On this computer only" });
    expect(say({ goesTo: ["wss://home.example"] }, [server, ana]).text).toBe("Saved here · on home.example · Ana has it");
    expect(say({}, [ana, { ...ana, name: "Ben" }]).text).toBe("Saved here · Ana and Ben have it");
  });

  test("tells receiving from saving", () => {
    expect(say({}, [{ ...server, state: "received" }]).text).toBe("Saved here · home.example has received it");
  });

  test("does not say saved before it is", () => {
    expect(say({ status: { disk: { kind: "saving" }, places: [server] } })).toEqual({ tone: "busy", text: "Saving…" });
    const failed = say({ status: { disk: { kind: "failed", message: "the disk is full", at: now }, places: [server] } });
    expect(failed).toEqual({ tone: "error", text: "Not saved: the disk is full. Trying again." });
    expect(say({ trouble: true }, [server]).tone).toBe("error");
  });

  test("does not say that others have a draft", () => {
    const text = say({ draft: { edits: 3, inserted: 3, deleted: 0, since: now } }, [server, ana]);
    expect(text).toEqual({ tone: "warn", text: "Saved here · 3 edits wait for your commit" });
  });

  test("does not count a place that is behind", () => {
    const text = say({ goesTo: ["wss://home.example"], connections: [connection({})] }, [{ ...server, state: "behind" }]);
    expect(text).toEqual({ tone: "warn", text: "Saved here · sending to home.example" });
  });

  test("says what is wrong with a server", () => {
    const goesTo = ["wss://home.example"];
    const since = new Date(2026, 2, 4, 10, 42).getTime();
    expect(say({ goesTo, connections: [connection({ state: "waiting", since })] }).text).toMatch(/^Saved here · home.example has not answered since 10:42/);
    expect(say({ goesTo, connections: [connection({ state: "refused" })] }).text).toBe("Saved here · home.example refused the connection");
    expect(say({ goesTo, network: { ...defaultNetwork, offline: true } })).toEqual({ tone: "warn", text: "Saved here · working offline" });
  });

  test("is silent about servers that the note does not go to", () => {
    expect(say({ connections: [connection({ state: "waiting" })] })).toEqual({ tone: "good", text: "On this computer only" });
  });
});

describe("the sync panel", () => {
  test("names what a place has", () => {
    expect(placeWords({ ...server, state: "behind" }, now)).toBe("lacks your latest edits");
    expect(placeWords(server, now)).toMatch(/^on its disk, /);
    expect(placeWords({ ...ana, at: null }, now)).toBe("received");
  });

  test("draws a minute of traffic", () => {
    const shape = chartShape([{ at: 0, sent: 0, received: 50 }, { at: 1, sent: 300, received: 0 }], 100, 50);
    expect(shape.top).toBe(500);
    expect(shape.sent).toEqual({ edge: "M0.0 49.0L100.0 20.2", fill: "M0 49L0.0 49.0L100.0 20.2L100 49Z" });
    expect(chartShape([], 100, 50).sent).toEqual({ edge: "", fill: "" });
  });

  test("draws no line where nothing was sent", () => {
    const samples = [0, 0, 0, 100, 0, 0, 50, 0, 0].map((sent, at) => ({ at, sent, received: 0 }));
    const { sent, received } = chartShape(samples, 80, 52);
    expect(sent.edge).toBe("M20.0 51.0L30.0 1.0L40.0 51.0M50.0 51.0L60.0 26.0L70.0 51.0");
    expect(received.edge).toBe("");
  });

  test("has round numbers at the top", () => {
    expect([0, 100, 101, 450, 999, 20_001].map(niceTop)).toEqual([100, 100, 200, 500, 1000, 50_000]);
  });
});

import { describe, expect, test } from "vitest";
import { defaultNetwork } from "../backend/memory";
import { isUnencrypted, keptListen, listenProblem, serverProblem, usualPort, withoutServer, withServer } from "../settings/network";
import { fuzzyMatch, rank } from "./fuzzy";
import { type KeyPress, matchesKeys, showKeys } from "./keys";
import { hostOf, isNoteLink, isOpenable, isSocketAddress, linkScheme, shortAddress } from "./links";
import { nextItem } from "./menu";
import { byteSize, clockMoment, moment, untilMoment } from "./time";

describe("addresses", () => {
  test.each(["https://example.org", "http://a/b?c", "mailto:a@b.c", "HTTPS://X.org"])("%j may be opened", (address) =>
    expect(isOpenable(address)).toBe(true),
  );
  test.each(["javascript:alert(1)", " javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "example.org", "vbscript:x", "", "https://"])(
    "%j may not",
    (address) => expect(isOpenable(address)).toBe(false),
  );

  test("of servers", () => {
    expect(isSocketAddress("wss://notes.example")).toBe(true);
    expect(isSocketAddress("https://notes.example")).toBe(false);
    expect(isSocketAddress("notes.example")).toBe(false);
  });

  test("of notes", () => {
    expect(isNoteLink("automerge:4NMNnkMhL8jXrdJ9jamS58PAVdXu")).toBe(true);
    expect(isNoteLink("automerge:0OIl")).toBe(false);
    expect(isNoteLink("https://x")).toBe(false);
  });

  test("have a host and a scheme", () => {
    expect(hostOf("wss://a.b:1/c")).toBe("a.b:1");
    expect(hostOf("nonsense")).toBe("nonsense");
    expect(shortAddress("wss://notes.example/")).toBe("notes.example");
    expect(shortAddress("wss://notes.example/team")).toBe("notes.example/team");
    expect(shortAddress("ws://127.0.0.1:3030")).toBe("127.0.0.1:3030");
    // Without encryption: that is worth a word.
    expect(shortAddress("ws://192.168.1.20:3030")).toBe("ws://192.168.1.20:3030");
    expect(linkScheme("MailTo:x")).toBe("mailto");
  });
});

describe("shortcuts", () => {
  const press = (change: Partial<KeyPress>): KeyPress => ({ key: "p", ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...change });

  test("need exactly their keys", () => {
    expect(matchesKeys("Mod+Shift+P", press({ key: "P", ctrlKey: true, shiftKey: true }), false)).toBe(true);
    expect(matchesKeys("Mod+P", press({ key: "P", ctrlKey: true, shiftKey: true }), false)).toBe(false);
    expect(matchesKeys("Mod+P", press({ metaKey: true }), false)).toBe(false);
    expect(matchesKeys("Mod+P", press({ metaKey: true }), true)).toBe(true);
    expect(matchesKeys("F2", press({ key: "F2" }), false)).toBe(true);
  });

  test("are shown as the platform writes them", () => {
    expect(showKeys("Mod+Shift+P", false)).toBe("Ctrl+Shift+P");
    expect(showKeys("Mod+Shift+P", true)).toBe("⇧⌘P");
  });
});

describe("finding by letters", () => {
  test("needs the letters in order", () => {
    expect(fuzzyMatch("tp", "Trip to Porto")).not.toBeNull();
    expect(fuzzyMatch("pt2", "Trip to Porto")).toBeNull();
  });

  test("puts beginnings first", () => {
    const found = rank("tr", ["A garden on the roof", "Extra", "Trip"], (each) => each, 9);
    expect(found.map((each) => each.item)).toEqual(["Trip", "Extra", "A garden on the roof"]);
  });

  test("keeps the order of everything for an empty query", () => {
    expect(rank("", ["b", "a"], (each) => each, 9).map((each) => each.item)).toEqual(["b", "a"]);
  });
});

describe("times and sizes", () => {
  const now = new Date(2026, 2, 4, 12, 0).getTime();

  test("are in words", () => {
    expect(moment(now - 20_000, now)).toBe("just now");
    expect(moment(now - 5 * 60_000, now)).toBe("5 min ago");
    expect(moment(now - 25 * 3600_000, now)).toMatch(/^yesterday, /);
    expect(clockMoment(now - 20_000, now)).toMatch(/11:59/);
    expect(untilMoment(now + 4200, now)).toBe("in 5 s");
    expect(untilMoment(now - 1, now)).toBe("at once");
    expect([12, 1500, 25_000, 3_200_000].map(byteSize)).toEqual(["12 B", "1.5 kB", "25 kB", "3.2 MB"]);
  });
});

describe("the network settings", () => {
  const server = { address: " wss://a.example ", kind: "server" as const, token: "" };

  test("take servers that can be dialled, once", () => {
    expect(serverProblem(defaultNetwork, { ...server, address: "a.example" })).not.toBeNull();
    expect(serverProblem(defaultNetwork, server)).toBeNull();
    const network = withServer(defaultNetwork, server);
    expect(serverProblem(network, server)).not.toBeNull();
    expect(withoutServer(network, "wss://a.example").servers).toEqual([]);
  });

  test("warn of what is not encrypted, but not on this computer", () => {
    expect(isUnencrypted("ws://192.168.1.20:3030")).toBe(true);
    expect(isUnencrypted("ws://localhost:3030")).toBe(false);
    expect(isUnencrypted("ws://[::1]:3030")).toBe(false);
    expect(isUnencrypted("ws://localhost.example")).toBe(true);
    expect(isUnencrypted("ws://127.0.0.1.example")).toBe(true);
    expect(isUnencrypted("wss://a")).toBe(false);
    expect(isUnencrypted("ws://")).toBe(false);
  });

  test("need a token to listen to other computers", () => {
    const listen = { ...defaultNetwork.listen, enabled: true, everywhere: true };
    expect(listenProblem(listen)).not.toBeNull();
    expect(listenProblem({ ...listen, token: "secret" })).toBeNull();
    expect(listenProblem({ ...listen, hasToken: true })).toBeNull();
    expect(listenProblem({ ...listen, everywhere: false })).toBeNull();
  });

  test.each([Number.NaN, 0, -1, 1.5, 65_536])("do not listen on port %d", (port) => {
    const listen = { ...defaultNetwork.listen, enabled: true, port };
    expect(listenProblem(listen)).not.toBeNull();
    expect(listenProblem({ ...listen, enabled: false })).toBeNull();
    expect(keptListen({ ...listen, enabled: false }).port).toBe(usualPort);
  });
});

describe("menus", () => {
  const item = (disabled: boolean) => ({ kind: "item" as const, label: "", disabled, run: () => undefined });

  test("step over what cannot be chosen", () => {
    const entries = [item(true), item(false), { kind: "separator" as const }, item(false)];
    expect(nextItem(entries, -1, 1)).toBe(1);
    expect(nextItem(entries, 1, 1)).toBe(3);
    expect(nextItem(entries, 3, 1)).toBe(1);
    expect(nextItem(entries, 1, -1)).toBe(3);
    expect(nextItem([item(true)], -1, 1)).toBe(-1);
  });
});

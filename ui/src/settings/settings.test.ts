// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Connection } from "../backend/bindings";
import { defaultNetwork } from "../backend/memory";
import type { App } from "../shared/app.svelte";
import { strings } from "../shared/strings";
import { clearPage, openWindow, preparePage, rest } from "../shared/test-window";
import { shutOutOf, withServer, withToken } from "./network";

const address = "wss://home.example";
const words = strings.settings;
const connection = (state: Connection["state"], at = address): Connection => ({
  id: at,
  address: at,
  name: "home.example",
  kind: "server",
  incoming: false,
  state,
  since: 0,
  lastError: null,
  nextRetry: null,
});

beforeEach(preparePage);
afterEach(clearPage);

describe("who does not let us in", () => {
  test("is remembered until it does", () => {
    const after = (...states: Connection["state"][]) =>
      states.reduce<ReadonlySet<string>>((known, state) => shutOutOf(known, [connection(state), connection("waiting", "wss://b.example")]), new Set());
    expect([...after("refused")]).toEqual([address]);
    expect([...after("refused", "connecting", "waiting", "offline")]).toEqual([address]);
    expect([...after("refused", "connected", "waiting")]).toEqual([]);
    expect([...shutOutOf(after("refused"), [])]).toEqual([]);
  });

  test("can be given another token", () => {
    const network = withServer(withServer(defaultNetwork, { address, kind: "server", token: "" }), { address: "wss://b.example", kind: "peer", token: "b" });
    expect(withToken(network, address, "new").servers.map(({ token, hasToken }) => [token, hasToken])).toEqual([["new", true], ["b", true]]);
  });
});

describe("the first page", () => {
  test("forgets what was wrong with an address when none is asked for any more", async () => {
    await openWindow({ firstRun: true });
    const choose = async (where: string) => {
      document.querySelector<HTMLInputElement>(`input[value=${where}]`)!.click();
      await rest();
    };
    await choose("server");
    const field = document.querySelector<HTMLInputElement>(".inset input")!;
    field.value = "127.0.0.1:3030";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    document.querySelector("form")!.dispatchEvent(new SubmitEvent("submit", { bubbles: true, cancelable: true }));
    await rest();
    expect(document.querySelector("[role=alert]")?.textContent).toBe(words.invalidAddress);
    await choose("here");
    expect(document.querySelector("[role=alert]")?.textContent).toBe("");
  });
});

describe("the page of servers and peers", () => {
  let app: App;
  const row = () => document.querySelector("#settings-page li")!;
  const shown = () => row().querySelector(".error")?.textContent ?? null;

  async function show(state: Connection["state"]): Promise<void> {
    app.connections = [connection(state)];
    await rest();
  }

  async function fill(form: Element, values: [string, string][]): Promise<void> {
    for (const [selector, value] of values) {
      const input = form.querySelector<HTMLInputElement>(selector)!;
      input.value = value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
    await rest();
    form.dispatchEvent(new SubmitEvent("submit", { bubbles: true, cancelable: true }));
    await rest();
  }

  beforeEach(async () => {
    ({ app } = await openWindow({ network: withServer(defaultNetwork, { address, kind: "server", token: "wrong-token" }) }));
    app.dialog = { kind: "settings", page: "network" };
    await rest();
  });

  test("says at its address that a token is wrong, until it works", async () => {
    await show("connected");
    expect(shown()).toBe(null);
    for (const state of ["refused", "connecting", "refused"] as const) {
      await show(state);
      expect(shown()).toBe(words.tokenRefused);
    }
    await show("connected");
    expect(shown()).toBe(null);
    expect(app.toasts).toEqual([]);
  });

  test("takes another token there, and says what is wrong with that one", async () => {
    await show("refused");
    const { setNetwork } = app.backend;
    app.backend.setNetwork = () => Promise.reject({ code: "invalid", message: "This token cannot be used." });
    await fill(row().querySelector("form")!, [["input", "short"]]);
    expect(shown()).toBe("This token cannot be used.");
    let token: string | null | undefined;
    app.backend.setNetwork = (network) => {
      token = network.servers[0]?.token;
      return setNetwork.call(app.backend, network);
    };
    await fill(row().querySelector("form")!, [["input", "the-right-one"]]);
    expect(token).toBe("the-right-one");
    await show("connected");
    expect(shown()).toBe(null);
    expect(app.toasts).toEqual([]);
  });

  test("says at the form what is wrong with a new server", async () => {
    app.backend.setNetwork = () => Promise.reject({ code: "invalid", message: "This token cannot be used." });
    const form = document.querySelector("form.add")!;
    await fill(form, [["input[placeholder^=wss]", "wss://b.example"], ["input[type=password]", "short"]]);
    expect(form.querySelector("#server-problem")?.textContent).toBe("This token cannot be used.");
    expect(form.querySelector<HTMLInputElement>("input[type=password]")?.value).toBe("short");
    expect(app.toasts).toEqual([]);
  });
});

describe("copying", () => {
  test("says when the clipboard cannot be used", async () => {
    const { app } = await openWindow();
    const clipboard = (writeText: () => Promise<void>) => Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText } });
    app.dialog = { kind: "share", item: "a" };
    await rest();
    const copy = [...document.querySelectorAll("dialog button")].find((button) => button.textContent === strings.app.copy) as HTMLButtonElement;
    clipboard(() => Promise.reject(new DOMException("not now", "NotAllowedError")));
    copy.click();
    await rest();
    expect(copy.textContent).toBe(strings.app.copy);
    expect(app.toasts.map(({ message }) => message)).toEqual([strings.app.notCopied]);
    clipboard(() => Promise.resolve());
    copy.click();
    await rest();
    expect(copy.textContent).toBe(strings.app.copied);
  });
});

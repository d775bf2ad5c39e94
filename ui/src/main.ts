// Starts the window: in the app on the Tauri backend, in a browser on notes that live in the page.

import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/inter/wght-italic.css";
import "./shared/theme.css";
import "./editor/editor.css";
import { mount } from "svelte";
import type { Backend } from "./backend/backend";
import { insideTauri, tauriBackend } from "./backend/tauri";
import { App } from "./shared/app.svelte";
import Shell from "./Shell.svelte";

async function chooseBackend(): Promise<Backend> {
  // The sample notes are left out of the built app.
  if (import.meta.env.DEV && !insideTauri()) {
    const { sampleBackend } = await import("./backend/samples");
    return sampleBackend(new URLSearchParams(location.search));
  }
  return tauriBackend();
}

const target = document.querySelector("#app");
if (target) {
  const app = new App(await chooseBackend());
  mount(Shell, { target, props: { app } });
  await app.start();
}

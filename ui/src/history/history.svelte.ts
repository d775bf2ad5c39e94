// The history panel: which version is looked at.

import { type Backend, errorMessage } from "../backend/backend";
import type { History, HistorySession, ItemId, VersionView } from "../backend/bindings";

export class HistoryView {
  private readonly backend: Backend;
  private readonly note: ItemId;
  history = $state.raw<History | null>(null);
  /** The version that is shown; the last one is now. */
  position = $state(0);
  version = $state.raw<VersionView | null>(null);
  failure = $state<string | null>(null);
  private asking = false;

  constructor(backend: Backend, note: ItemId) {
    this.backend = backend;
    this.note = note;
  }

  get atNow(): boolean {
    return this.history === null || this.position >= this.history.length;
  }

  /** Reads the sessions; stays at now, or at the version that was looked at. */
  async load(): Promise<void> {
    try {
      const wasNow = this.atNow;
      const history = await this.backend.history(this.note);
      this.history = history;
      if (wasNow) this.position = history.length;
      else await this.show(Math.min(this.position, history.length));
      this.failure = null;
    } catch (error) {
      this.failure = errorMessage(error);
    }
  }

  /**
   * Shows the note after change `position`. A slider asks often: one question is asked at a time,
   * and what was wanted in between is passed over.
   */
  async show(position: number): Promise<void> {
    this.position = Math.min(Math.max(position, 0), this.history?.length ?? 0);
    if (this.asking) return;
    this.asking = true;
    try {
      let shown = -1;
      while (shown !== this.position) {
        shown = this.position;
        this.version = this.atNow ? null : await this.ask(shown);
      }
      this.failure = null;
    } catch (error) {
      this.failure = errorMessage(error);
    } finally {
      this.asking = false;
    }
  }

  private ask(position: number): Promise<VersionView> {
    return this.backend.versionAt(this.note, { kind: "position", position });
  }

  async restore(): Promise<void> {
    await this.backend.restoreVersion(this.note, this.position);
    this.version = null;
    const history = await this.backend.history(this.note);
    this.history = history;
    this.position = history.length;
  }

  /** The session that the shown version belongs to. */
  get session(): HistorySession | null {
    return this.history?.sessions.find((each) => this.position >= each.first && this.position <= each.last) ?? null;
  }
}

export interface SessionDay {
  day: string;
  sessions: HistorySession[];
}

const dayName = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

/** Newest first, under the day on which they ended. */
export function sessionsByDay(sessions: HistorySession[]): SessionDay[] {
  const days: SessionDay[] = [];
  for (const session of sessions.toReversed()) {
    const day = dayName.format(new Date(session.ended));
    const last = days[days.length - 1];
    if (last?.day === day) last.sessions.push(session);
    else days.push({ day, sessions: [session] });
  }
  return days;
}

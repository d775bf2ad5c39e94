// The history panel: which version is looked at.

import { type Backend, errorMessage } from "../backend/backend";
import type { History, HistorySession, ItemId, VersionRef, VersionView } from "../backend/bindings";

export class HistoryView {
  private readonly backend: Backend;
  private readonly note: ItemId;
  history = $state.raw<History | null>(null);
  /** The version that is shown; the last one is now. */
  position = $state(0);
  version = $state.raw<VersionView | null>(null);
  /** The session of which `version` shows what it did; null: `version` shows the way to now. */
  chosen = $state.raw<HistorySession | null>(null);
  failure = $state<string | null>(null);
  private asking = false;

  constructor(backend: Backend, note: ItemId) {
    this.backend = backend;
    this.note = note;
  }

  /** Nothing is looked at but the note as it is. */
  get atNow(): boolean {
    return this.chosen === null && (this.history === null || this.position >= this.history.length);
  }

  /** What is looked at is an earlier text than the present one. */
  get isEarlier(): boolean {
    return this.history !== null && this.position < this.history.length;
  }

  /** The first version that has something to see. */
  get first(): number {
    return Math.min(this.history?.first ?? 0, this.history?.length ?? 0);
  }

  /** Which version is looked at, of how many. Those in which nobody could see anything are not counted. */
  get place(): { at: number; of: number } {
    const before = Math.max(this.first, 1) - 1;
    return { at: this.position - before, of: (this.history?.length ?? 0) - before };
  }

  /** Reads the sessions; stays at now, or at the version that was looked at. */
  async load(): Promise<void> {
    try {
      const wasNow = this.atNow;
      const history = await this.backend.history(this.note);
      this.history = history;
      if (wasNow) this.position = history.length;
      else if (this.chosen) await this.showSession(grown(this.chosen, history));
      else await this.show(Math.min(this.position, history.length));
      this.failure = null;
    } catch (error) {
      this.failure = errorMessage(error);
    }
  }

  /**
   * Shows the note after change `position`, against now. A slider asks often: one question is asked at a time,
   * and what was wanted in between is passed over.
   */
  async show(position: number): Promise<void> {
    this.chosen = null;
    this.position = Math.min(Math.max(position, this.first), this.history?.length ?? 0);
    await this.showWanted();
  }

  /** Shows what a session did. */
  async showSession(session: HistorySession): Promise<void> {
    this.chosen = session;
    this.position = session.last;
    await this.showWanted();
  }

  private async showWanted(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      let shown: VersionRef | null | undefined;
      while (shown === undefined || !same(shown, this.wanted)) {
        shown = this.wanted;
        this.version = shown && (await this.backend.versionAt(this.note, shown));
      }
      this.failure = null;
    } catch (error) {
      this.failure = errorMessage(error);
    } finally {
      this.asking = false;
    }
  }

  private get wanted(): VersionRef | null {
    const { chosen, position } = this;
    if (chosen) return { kind: "session", first: chosen.first, last: chosen.last };
    return this.atNow ? null : { kind: "position", position };
  }

  async restore(): Promise<void> {
    await this.backend.restoreVersion(this.note, this.position);
    this.version = null;
    this.chosen = null;
    const history = await this.backend.history(this.note);
    this.history = history;
    this.position = history.length;
  }

  /** The session that the shown version belongs to. */
  get session(): HistorySession | null {
    return this.history?.sessions.find((each) => this.position >= each.first && this.position <= each.last) ?? null;
  }
}

/** The session as it is now: the latest one goes on. */
function grown(session: HistorySession, history: History): HistorySession {
  return history.sessions.find((each) => each.first === session.first) ?? session;
}

function same(a: VersionRef | null, b: VersionRef | null): boolean {
  if (a?.kind === "session") return b?.kind === "session" && a.first === b.first && a.last === b.last;
  if (a?.kind === "position") return b?.kind === "position" && a.position === b.position;
  return b === null;
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

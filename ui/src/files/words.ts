// What is said of the folder of files and of an import or export.

import type { MirrorState, Transfer } from "../backend/bindings";
import { strings } from "../shared/strings";
import type { Tone } from "../sync/words";

const words = strings.files;

/** How the folder is, in a sentence. */
export function phaseSentence({ phase, notes }: MirrorState): string {
  switch (phase.kind) {
    case "inStep":
      return words.phase.inStep(notes);
    case "manyGone":
      return words.phase.manyGone(phase.count);
    case "failed":
      return words.phase.failed(phase.message);
    default:
      return words.phase[phase.kind];
  }
}

/** The same for the status line; nothing when there is no folder. */
export function filesStatus(mirror: MirrorState): { tone: Tone; text: string } | null {
  if (mirror.directory === null) return null;
  const { kind } = mirror.phase;
  if (kind === "failed") return { tone: "error", text: words.status.failed };
  if (kind === "vanished" || kind === "manyGone" || kind === "off") return { tone: "warn", text: words.status[kind] };
  if (mirror.toReview.length > 0) return { tone: "warn", text: words.status.review(mirror.toReview.length) };
  return { tone: kind === "working" ? "busy" : "good", text: words.status[kind] };
}

/** What became of an import or export, line by line. */
export function reportLines({ importing, report, failed }: Transfer): string[] {
  if (failed !== null) return [words.failed(failed)];
  if (!report) return [];
  const lines = [(importing ? words.imported : words.exported)(report.notes, report.folders)];
  if (report.known > 0) lines.push(words.known(report.known));
  if (report.links > 0) lines.push(words.links(report.links));
  if (report.others > 0) lines.push(words.others(report.others));
  return lines;
}

export function isUnderWay(transfer: Transfer | null): boolean {
  return transfer !== null && transfer.report === null && transfer.failed === null;
}

// A note's title: the front matter's `title`, else the first heading.

const frontMatter = /^---\n([\s\S]*?)\n---(?:\n|$)/;

export function noteTitle(text: string): string {
  const head = text.slice(0, 4096);
  const front = frontMatter.exec(head);
  if (front) {
    const line = /^title:[ \t]*(.+?)[ \t]*$/m.exec(front[1] ?? "");
    const title = line?.[1]?.replace(/^(["'])(.*)\1$/, "$2").trim();
    if (title) return title;
  }
  const body = front ? head.slice(front[0].length) : head;
  return /^ {0,3}#{1,6}[ \t]+(.+?)(?:[ \t]+#+)?[ \t]*$/m.exec(body)?.[1]?.trim() ?? "";
}

/** The replacement that gives the text another title. */
export function retitle(text: string, title: string): { from: number; to: number; insert: string } {
  const clean = title.replace(/\s+/g, " ").trim();
  const front = frontMatter.exec(text);
  const line = front && /^title:[ \t]*(.*)$/m.exec(front[1] ?? "");
  if (front && line) {
    const from = 4 + line.index;
    return { from, to: from + line[0].length, insert: `title: ${JSON.stringify(clean)}` };
  }
  const start = front ? front[0].length : 0;
  const heading = /^( {0,3}#{1,6}[ \t]+)(.*)$/m.exec(text.slice(start));
  if (heading) {
    const from = start + heading.index + (heading[1]?.length ?? 0);
    return { from, to: from + (heading[2]?.length ?? 0), insert: clean };
  }
  return { from: start, to: start, insert: `# ${clean}\n\n` };
}

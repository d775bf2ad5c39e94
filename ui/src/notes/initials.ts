// Two letters for a person.

export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = firstCharacter(words[0] ?? "?");
  const last = words.length > 1 ? firstCharacter(words[words.length - 1] ?? "") : "";
  return (first + last).toUpperCase();
}

function firstCharacter(word: string): string {
  return [...word][0] ?? "";
}

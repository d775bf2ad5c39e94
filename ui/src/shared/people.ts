// What people are called.

import { strings } from "./strings";

/** The person, called "Someone" when they gave no name, as other programs' users and the shy do. */
export function named<T extends { name: string }>(person: T): T {
  return person.name.trim() ? person : { ...person, name: strings.note.someone };
}

/** Each name once: two devices of one person are one person. */
export function distinctNames(people: readonly { name: string }[]): string[] {
  return [...new Set(people.map((person) => named(person).name))];
}

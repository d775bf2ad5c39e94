// Words as a person counts them: also in scripts that write without spaces.

const segmenter = typeof Intl.Segmenter === "function" ? new Intl.Segmenter(undefined, { granularity: "word" }) : null;
const spaceless = /[\u0e00-\u0eff\u1780-\u17ff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]/;

export function countWords(text: string): number {
  if (segmenter && spaceless.test(text) && text.length < 200_000) {
    let count = 0;
    for (const part of segmenter.segment(text)) if (part.isWordLike) count += 1;
    return count;
  }
  let count = 0;
  for (const _ of text.matchAll(/[\p{L}\p{N}]+(?:['’._-][\p{L}\p{N}]+)*/gu)) count += 1;
  return count;
}

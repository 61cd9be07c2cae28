/** Names of images as users write them: just enough to tell names from ids and to match patterns. */
import type { LocalImage } from "../image/contract.ts";

/** "nginx" → "nginx:latest"; "docker.io/library/nginx:1" → "nginx:1". */
export function familiarReference(text: string): string {
  const short = text.replace(/^(?:index\.)?docker\.io\//, "").replace(/^library\//, "");
  if (short.includes("@")) return short;
  return short.lastIndexOf(":") > short.lastIndexOf("/") ? short : `${short}:latest`;
}

/** The image's own name for what the user wrote; undefined when it was an id. */
export function matchingReference(image: LocalImage, text: string): string | undefined {
  const wanted = familiarReference(text);
  return [...image.repoTags, ...image.repoDigests].find((name) => name === wanted || name === text);
}

/** The images that have a tag of the repository that the user named without one. */
export function imagesOfRepository(images: readonly LocalImage[], text: string): LocalImage[] {
  const completed = familiarReference(text);
  if (!completed.endsWith(":latest") || text.endsWith(":latest")) return [];
  const repository = completed.slice(0, -":latest".length);
  return images.filter(({ repoTags }) => repoTags.some((tag) => tag.slice(0, tag.lastIndexOf(":")) === repository));
}

/** Go's path.Match on familiar names, with and without tag, as the reference filter does. */
export function matchesReference(name: string, pattern: string): boolean {
  const expression = globExpression(pattern);
  const withoutTag = name.includes("@") ? name.slice(0, name.indexOf("@")) : name.slice(0, name.lastIndexOf(":"));
  return [name, withoutTag].some((candidate) => expression.test(candidate));
}

function globExpression(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return /^\b$/;
  }
}

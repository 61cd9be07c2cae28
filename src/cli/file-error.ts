const REASONS: Record<string, string> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  EEXIST: "file exists",
  ELOOP: "too many levels of symbolic links",
  ENOSPC: "no space left on device",
  EROFS: "read-only file system",
};

/** A failed file operation in the words of Go: `open /x: no such file or directory`. */
export function fileErrorText(operation: string, path: string, error: unknown): string {
  const { code = "", message } = error as { code?: string; message: string };
  return `${operation} ${path}: ${REASONS[code] ?? message}`;
}

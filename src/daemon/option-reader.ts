import { isAbsolute, resolve } from "node:path";
import { badSetting } from "./setting-error.ts";
import type { SettingValue } from "./setting-values.ts";

/** Typed access; the types were checked when the values were parsed. */
export class OptionReader {
  constructor(private readonly settings: ReadonlyMap<string, SettingValue>) {}

  has(flag: string): boolean {
    return this.settings.has(flag);
  }
  value<T extends SettingValue>(flag: string): T | undefined {
    return this.settings.get(flag) as T | undefined;
  }
  text(flag: string, fallback: string): string {
    return this.optionalText(flag) ?? fallback;
  }
  optionalText(flag: string): string | undefined {
    const value = this.value<string>(flag);
    return value === "" ? undefined : value;
  }
  bool(flag: string, fallback: boolean): boolean {
    return this.value<boolean>(flag) ?? fallback;
  }
  int(flag: string, fallback: number): number {
    return this.value<number>(flag) ?? fallback;
  }
  list(flag: string): string[] {
    return this.value<string[]>(flag) ?? [];
  }
  oneOf<T extends string>(flag: string, allowed: readonly T[], fallback: T, message: (value: string) => string): T {
    return this.optionalOneOf(flag, allowed, message) ?? fallback;
  }
  optionalOneOf<T extends string>(
    flag: string,
    allowed: readonly T[],
    message: (value: string) => string,
  ): T | undefined {
    const value = this.optionalText(flag);
    if (value === undefined) return undefined;
    const known = allowed.find((item) => item === value);
    if (known === undefined) throw badSetting(message(value));
    return known;
  }
}

/** Relative paths are as of the folder in which the daemon was started. */
export function absolutePath(path: string): string {
  return isAbsolute(path) ? path : resolve(path);
}

/** What one setting of the daemon is. */

/** How a value is written. */
type SettingType = "string" | "section" | "bool" | "int" | "bytes" | "list" | "map" | "features" | "ulimits" | "pools";

export interface Setting {
  /** Long flag, without dashes. */
  flag: string;
  short?: string;
  /** Key in the configuration file; undefined: only a flag. */
  key?: string;
  /** dockerd's older name of the key. */
  olderKey?: string;
  type: SettingType;
  summary: string;
  /** Shown by --help. */
  defaultText?: string;
  /** SIGHUP takes a changed value over. */
  isReloadable?: boolean;
  /**
   * Not supported: why, and what to do instead. `accepts` is a value that asks for nothing and is let pass, as are the empty
   * ones (see asksForNothing).
   */
  refusal?: { reason: string; accepts?: boolean | string };
}

type More = Omit<Partial<Setting>, "flag" | "type" | "summary">;
/** A setting that naru supports. */
export const setting = (flag: string, type: SettingType, summary: string, more: More = {}): Setting => ({
  flag,
  key: flag,
  type,
  summary,
  ...more,
});
/** A setting of dockerd's that naru does not support. */
export const refused = (
  flag: string,
  type: SettingType,
  reason: string,
  accepts?: boolean | string,
  key = flag,
): Setting => ({
  flag,
  key,
  type,
  summary: "not supported",
  refusal: { reason, accepts },
});

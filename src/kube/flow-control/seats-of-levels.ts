/** How the seats are shared out among priority levels. */

import type { PriorityLevelConfiguration } from "../../model/kubernetes/flowcontrol.ts";
import type { LevelSeats } from "./priority-level.ts";

interface Shares {
  readonly nominalConcurrencyShares?: number;
  readonly lendablePercent?: number;
  readonly borrowingLimitPercent?: number;
}

/**
 * By the levels' names: nominal = ceil(all * shares / sum of shares), lendable = round(nominal * percent / 100), borrowable without a
 * limit when none is named (documented formulas of LimitedPriorityLevelConfiguration).
 */
export function seatsOfLevels(
  levels: readonly PriorityLevelConfiguration[],
  all: number,
): ReadonlyMap<string, LevelSeats> {
  const sharesOf = ({ spec }: PriorityLevelConfiguration): Shares => spec?.limited ?? spec?.exempt ?? {};
  const sum = levels.reduce((total, level) => total + (sharesOf(level).nominalConcurrencyShares ?? 0), 0);
  return new Map(
    levels.map((level) => {
      const { nominalConcurrencyShares = 0, lendablePercent = 0, borrowingLimitPercent } = sharesOf(level);
      const nominal = sum === 0 ? 0 : Math.ceil((all * nominalConcurrencyShares) / sum);
      const lendable = Math.round((nominal * lendablePercent) / 100);
      const borrowable =
        borrowingLimitPercent === undefined
          ? Number.POSITIVE_INFINITY
          : Math.round((nominal * borrowingLimitPercent) / 100);
      return [level.metadata.name ?? "", { nominal, lendable, borrowable }];
    }),
  );
}

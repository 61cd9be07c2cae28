/**
 * How often which amount was used, with a memory that fades: after each half-life a sample counts half. Buckets grow by a twentieth each, so
 * that a percentile is told within that much (the vertical pod autoscaler's histograms).
 */

const GROWTH = 1.05;
/** The heaviest bucket of a kept histogram; lighter ones are whole numbers beside it. */
const HEAVIEST = 10_000;

/** A histogram as it is kept (HistogramCheckpoint of autoscaling.k8s.io/v1). */
export interface KeptHistogram {
  readonly referenceTimestamp?: string;
  readonly bucketWeights?: Readonly<Record<string, number>>;
  readonly totalWeight?: number;
}

export class UsageHistogram {
  private readonly weights = new Map<number, number>();
  private total = 0;
  /** Weights are kept as of this time; newer samples weigh more, so that old ones need no change. */
  private reference: number | undefined;

  /** @param first the end of the first bucket  @param halfLifeMs in which a sample loses half of its weight */
  constructor(
    private readonly first: number,
    private readonly halfLifeMs: number,
  ) {}

  /** A negative weight takes a sample back. */
  add(amount: number, weight: number, at: number): void {
    this.reference ??= at;
    if (at - this.reference > this.halfLifeMs * 50) this.rebase(at);
    const faded = weight * 2 ** ((at - this.reference) / this.halfLifeMs);
    const bucket = this.bucketOf(amount);
    const left = (this.weights.get(bucket) ?? 0) + faded;
    if (left <= 1e-12) this.weights.delete(bucket);
    else this.weights.set(bucket, left);
    this.total += faded;
  }

  save(): KeptHistogram {
    const heaviest = Math.max(...this.weights.values(), 0);
    const scaled = [...this.weights].map(
      ([bucket, weight]) => [bucket, Math.round((weight / heaviest) * HEAVIEST)] as const,
    );
    return {
      referenceTimestamp: `${new Date(this.reference ?? 0).toISOString().slice(0, 19)}Z`,
      bucketWeights: Object.fromEntries(scaled.filter(([, weight]) => weight > 0)),
      totalWeight: this.total,
    };
  }

  /** What was kept takes the place of what is there. */
  restore({ referenceTimestamp = "", bucketWeights = {}, totalWeight = 0 }: KeptHistogram): void {
    const sum = Object.values(bucketWeights).reduce((total, weight) => total + weight, 0);
    const reference = Date.parse(referenceTimestamp);
    if (sum <= 0 || totalWeight <= 0 || Number.isNaN(reference)) return;
    this.weights.clear();
    for (const [bucket, weight] of Object.entries(bucketWeights)) {
      this.weights.set(Number(bucket), (weight * totalWeight) / sum);
    }
    this.total = totalWeight;
    this.reference = reference;
  }

  get isEmpty(): boolean {
    return this.weights.size === 0;
  }

  /** The amount that so large a share (0 to 1) of the samples stayed below: the end of its bucket. */
  percentile(share: number): number {
    let sum = 0;
    const buckets = [...this.weights].sort(([one], [other]) => one - other);
    for (const [bucket, weight] of buckets) {
      sum += weight;
      if (sum >= share * this.total - 1e-9) return this.endOf(bucket);
    }
    return this.endOf(buckets.at(-1)?.[0] ?? 0);
  }

  /** first × (1 + 1.05 + 1.05² + …): the bucket in which an amount lies. */
  private bucketOf(amount: number): number {
    if (amount < this.first) return 0;
    return Math.floor(Math.log((amount * (GROWTH - 1)) / this.first + 1) / Math.log(GROWTH) + 1e-9);
  }

  private endOf(bucket: number): number {
    return (this.first * (GROWTH ** (bucket + 1) - 1)) / (GROWTH - 1);
  }

  private rebase(at: number): void {
    const scale = 2 ** -((at - this.reference!) / this.halfLifeMs);
    for (const [bucket, weight] of this.weights) this.weights.set(bucket, weight * scale);
    this.total *= scale;
    this.reference = at;
  }
}

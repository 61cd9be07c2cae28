/** Jobs in the order in which they came. */
export class Board {
  #jobs = new Map();
  #lastId = 0;

  add(title) {
    if (typeof title !== "string" || title.trim() === "") throw new TypeError("a job needs a title");
    const job = { id: ++this.#lastId, title: title.trim(), state: "waiting" };
    this.#jobs.set(job.id, job);
    return job;
  }

  list() {
    return [...this.#jobs.values()];
  }

  get waiting() {
    return this.list().filter((job) => job.state === "waiting").length;
  }

  /** The oldest that waits, from now on under way. */
  take() {
    const job = this.list().find(({ state }) => state === "waiting");
    if (job) job.state = "running";
    return job;
  }

  finish(id) {
    const job = this.#jobs.get(id);
    if (job?.state !== "running") throw new RangeError(`no job ${id} is under way`);
    job.state = "done";
    return job;
  }
}

/**
 * Processor time, for tests of what something costs: unlike the clock's, it does not grow with what else the machine does.
 * How long things take is measured in bench/.
 */

/** Milliseconds that this process has used so far. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds that a running process has used so far, in steps of ten (proc(5): stat, in ticks). */
export async function processorMsOf(pid: number): Promise<number> {
  const stat = await Bun.file(`/proc/${pid}/stat`).text();
  // The program's name may hold anything; behind it user and system time are the 12th and 13th field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

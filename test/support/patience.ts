/** How much slower than usual this machine may be; more than 1 for an emulated one. */
export const PATIENCE = Number(process.env.NARU_TEST_PATIENCE ?? 1);

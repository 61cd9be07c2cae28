/** The C program, embedded in the executable; importing it gives the path where Bun shows it. */
declare module "*/naru-monitor" {
  const path: string;
  export default path;
}

/** The docker compose whose labels and hashes are written. */
export const COMPOSE_VERSION = "2.40.3";

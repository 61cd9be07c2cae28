/**
 * Lists nftables' tables as `nft list tables` does, a line each: `table inet NAME`. Asks the kernel itself: nft dies of rules that it cannot print,
 * and a list that is cut off looks like one without leftovers.
 * usage: scripts/nft-tables.ts
 */
import { NetlinkSocket } from "../src/linux/netlink-socket.ts";
import { decodeTable, listTablesQuery, NFT_FAMILY } from "../src/linux/nftables-message.ts";

const names = new Map<number, string>(Object.entries(NFT_FAMILY).map(([name, family]) => [family, name]));
const tables = NetlinkSocket.open("netfilter").query(listTablesQuery(), "list nftables tables").map(decodeTable);
for (const { family, name } of tables) console.log(`table ${names.get(family) ?? family} ${name}`);

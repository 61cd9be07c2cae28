/** Names of containers: the rule for them, and friendly random ones. */
import { NaruError } from "../lib/errors.ts";

const NAME = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** The name without its slash. @throws {NaruError} invalid in Docker's words. */
export function checkName(name: string): string {
  if (!NAME.test(name)) {
    throw new NaruError("invalid", `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  return name.replace(/^\//, "");
}

const QUALITIES = (
  "amber ancient azure bold brave breezy bright brisk calm candid cheery clever coastal cobalt cosy crisp curious " +
  "daring deft eager early easy fair fearless fine fleet fond free fresh gentle gilded glad golden grand happy hardy " +
  "honest humble jolly keen kind lively loyal lucid lucky merry mild misty modest neat nimble noble patient placid " +
  "polite proud quick quiet rapid ready rustic serene sharp silent silver sincere sleek smooth snug soft solid spry " +
  "steady still sunny swift tender tidal tidy trusty upbeat vivid warm wise witty zesty"
).split(" ");
const VESSELS = (
  "anchor barge bay beacon berth boat bow breeze bridge buoy cabin canal canoe captain cargo channel coast compass " +
  "coral cove crane crew current deck delta dock dolphin eddy estuary ferry fjord fleet foam galley gangway gull " +
  "harbor haven heron hull inlet island jetty kayak keel knot lagoon landing lantern lighthouse lock marina mast " +
  "mooring narrows oar otter paddle pelican pier pilot port prow quay raft rapids reef ripple river rower rudder " +
  "sail sailor seal shore skiff slipway sloop sound spray stern strait stream surf tide tiller trawler voyage wave " +
  "wharf wake yacht"
).split(" ");

/** A name like "calm_ferry" that is free; with a number once the plain ones are taken. */
export function randomName(isTaken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const number = attempt < 8 ? "" : String(Math.floor(Math.random() * 10 ** Math.min(9, 1 + attempt / 8)));
    const name = `${pick(QUALITIES)}_${pick(VESSELS)}${number}`;
    if (!isTaken(name)) return name;
  }
}

/** 64 hex digits; never one that could be read as a number when shortened to 12. */
export function randomId(): string {
  for (;;) {
    const id = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
    if (!/^\d{12}/.test(id)) return id;
  }
}

function pick(words: readonly string[]): string {
  return words[Math.floor(Math.random() * words.length)]!;
}

/** Getting back the descriptors that a monitor kept while there was no daemon. */
import { NaruError } from "../lib/errors.ts";
import { closeDescriptor, openUnixConnection, receiveWithDescriptors, sendBytes } from "../linux/descriptor-passing.ts";
import { errorCode } from "../linux/sys-error.ts";
import { MONITOR_HAS_ENDED, withSocketPath } from "./monitor-connection.ts";
import { decodeMonitorFrame, encodeFrame, FrameReader, TO_MONITOR } from "./monitor-protocol.ts";

const ANSWER_TIMEOUT_MS = 5000;
const POLL_MS = 1;

/**
 * Copies of the descriptors given as `heldDescriptors` when the monitor in `directory` was started, in that order. The
 * caller closes them. The monitor keeps its own. Undefined when no monitor listens there.
 * @throws {NaruError} kind "unavailable" when the monitor does not answer.
 */
export async function findHeldDescriptors(directory: string): Promise<number[] | undefined> {
  try {
    const socket = await withSocketPath(directory, openUnixConnection);
    try {
      sendBytes(socket, encodeFrame(TO_MONITOR.fetchHeld));
      return await receiveHeld(socket, directory);
    } finally {
      closeDescriptor(socket);
    }
  } catch (error) {
    if (MONITOR_HAS_ENDED.includes(errorCode(error))) return undefined;
    throw error;
  }
}

async function receiveHeld(socket: number, directory: string): Promise<number[]> {
  const reader = new FrameReader();
  const descriptors: number[] = [];
  // Bun cannot wait for a bare descriptor; the answer is a matter of microseconds.
  for (const deadline = Date.now() + ANSWER_TIMEOUT_MS; Date.now() < deadline; ) {
    const received = receiveWithDescriptors(socket);
    if (!received) {
      await Bun.sleep(POLL_MS);
      continue;
    }
    descriptors.push(...received.descriptors);
    if (received.bytes.length === 0) break;
    const messages = reader.push(received.bytes).map(decodeMonitorFrame);
    if (messages.some((message) => message.kind === "held")) return descriptors;
  }
  for (const descriptor of descriptors) closeDescriptor(descriptor);
  throw new NaruError("unavailable", `the monitor in ${directory} does not hand over its descriptors`);
}

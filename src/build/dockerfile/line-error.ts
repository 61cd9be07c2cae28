/** A mistake in the form of a line, found before the instruction is looked at: docker tells it without the line's number. */
import { NaruError } from "../../lib/errors.ts";

export class LineError extends NaruError {
  static wrap<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw error instanceof NaruError ? new LineError(error.kind, error.message, { cause: error }) : error;
    }
  }
}

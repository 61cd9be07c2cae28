/** Receives directories in threads of their own: lists, comparisons and file calls of many thousand files. */
import { serveJobs } from "../../lib/worker-job.ts";
import { type ReceiveParams, receiveDirectory } from "./receive-directory.ts";
import { sendDirectory } from "./send-directory.ts";

serveJobs({
  send: (params: { directory: string }, context) => sendDirectory(params, context),
  receive: (params: ReceiveParams, context) => receiveDirectory(params, context),
});

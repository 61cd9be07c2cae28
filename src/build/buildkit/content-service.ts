/** containerd's content store as far as `buildx history` reads from it: the files that the history keeps. */
import type { GrpcMethods } from "../grpc/grpc-server.ts";
import type { HistoryFiles } from "./history-files.ts";
import { contentInfoRequest, contentInfoResponse, readContentRequest, readContentResponse } from "./messages.ts";
import { oneMessage } from "./one-message.ts";

const SERVICE = "/containerd.services.content.v1.Content";

export function contentMethods(files: HistoryFiles): GrpcMethods {
  return {
    [`${SERVICE}/Info`]: async (call) => {
      const { digest } = contentInfoRequest.decode(await oneMessage(call));
      await call.send(contentInfoResponse.encode({ info: { digest, size: await files.size(digest), labels: {} } }));
    },
    [`${SERVICE}/Read`]: async (call) => {
      const { digest, offset, size } = readContentRequest.decode(await oneMessage(call));
      let at = offset;
      for await (const data of files.read(digest, offset, size)) {
        await call.send(readContentResponse.encode({ offset: at, data }));
        at += data.length;
      }
    },
  };
}

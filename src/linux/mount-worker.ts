/** Entry of the worker threads that wait for mounts. See mount-thread.ts. */
import { serveJobs } from "../lib/worker-job.ts";
import { type MountSpec, mount } from "./mount.ts";

serveJobs({ mount: async (spec: MountSpec) => mount(spec) });

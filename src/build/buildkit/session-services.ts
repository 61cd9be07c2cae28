/** What a client's session serves, as the builder wants it: secrets, SSH agents, logins. */
import { NaruError } from "../../lib/errors.ts";
import type { AgentConnection, ClientSession } from "../contract.ts";
import { GRPC, GrpcError } from "../grpc/grpc-error.ts";
import {
  bytesMessage,
  checkAgentRequest,
  credentialsRequest,
  credentialsResponse,
  getSecretRequest,
  getSecretResponse,
} from "./messages.ts";
import type { BuildSession } from "./session-registry.ts";

const GET_SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const CREDENTIALS = "/moby.filesync.v1.Auth/Credentials";
const CHECK_AGENT = "/moby.sshforward.v1.SSH/CheckAgent";
const FORWARD_AGENT = "/moby.sshforward.v1.SSH/ForwardAgent";
/** Docker Hub's key in docker's configuration. */
const HUB_KEY = "https://index.docker.io/v1/";

export function sessionServices(session: BuildSession): ClientSession {
  return {
    readSecret: (id, signal) => readSecret(session, id, signal),
    openSshAgent: (id, signal) => openAgent(session, id, signal),
    findCredentials: (host, signal) => findCredentials(session, host, signal),
  };
}

async function readSecret(session: BuildSession, id: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if (!session.serves(GET_SECRET)) return undefined;
  try {
    const reply = await session.grpc.unary(GET_SECRET, getSecretRequest.encode({ ID: id }), signal);
    return getSecretResponse.decode(reply).data;
  } catch (error) {
    if (error instanceof GrpcError && error.code === GRPC.notFound) return undefined;
    throw error;
  }
}

async function findCredentials(session: BuildSession, host: string, signal: AbortSignal) {
  if (!session.serves(CREDENTIALS)) return undefined;
  const asked = host === "docker.io" ? HUB_KEY : host;
  const reply = await session.grpc.unary(CREDENTIALS, credentialsRequest.encode({ Host: asked }), signal);
  const { Username, Secret } = credentialsResponse.decode(reply);
  if (Secret === "") return undefined;
  // Without a name the secret is an OAuth2 refresh token.
  if (Username === "" || Username === "<token>") return { username: "", password: "", identityToken: Secret };
  return { username: Username, password: Secret };
}

async function openAgent(session: BuildSession, id: string, signal: AbortSignal): Promise<AgentConnection | undefined> {
  if (!session.serves(FORWARD_AGENT)) return undefined;
  try {
    await session.grpc.unary(CHECK_AGENT, checkAgentRequest.encode({ ID: id }), signal);
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    if (error.code === GRPC.unavailable) throw new NaruError("unavailable", error.message);
    return undefined;
  }
  const stop = new AbortController();
  const metadata = { "buildkit.ssh.id": id };
  const call = session.grpc.call(FORWARD_AGENT, metadata, AbortSignal.any([signal, stop.signal]));
  const messages = call.messages[Symbol.asyncIterator]();
  return {
    async read() {
      const next = await messages.next();
      return next.done ? undefined : bytesMessage.decode(next.value).data;
    },
    write: (data) => call.send(bytesMessage.encode({ data })),
    close: () => stop.abort(),
  };
}

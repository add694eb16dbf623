/**
 * HTTP for those who look after the daemon: /healthz and /metrics, and on the control socket /status. Nothing can be changed
 * here. Listens on this machine only: a unix socket, or a loopback address.
 */

import { createServer, type RequestListener, type Server } from "node:http";
import { listenAt } from "../../hooks/socket/listen.js";
import { CommandError } from "../io.js";
import type { Metrics } from "./metrics.js";
import type { Status } from "./status.js";

export interface HttpServer {
  readonly close: () => Promise<void>;
}

export interface Pages {
  readonly status: () => Status;
  readonly metrics: Metrics;
  /** Whether /status is there: it names policies, files and users. */
  readonly private: boolean;
}

const REQUEST_MS = 5000;
const MAX_CONNECTIONS = 64;

/**
 * Listens at a path, mode 0600 where it is private, else 0660, or at HOST:PORT.
 * @throws ListenError, CommandError exit 1
 */
export async function serveHttp(listen: string, pages: Pages): Promise<HttpServer> {
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, answering(pages));
  server.maxConnections = MAX_CONNECTIONS;
  let unlisten = (): void => undefined;
  if (listen.startsWith("/")) unlisten = await listenAt(server, { path: listen, mode: pages.private ? 0o600 : 0o660 });
  else await listenOnPort(server, listen);
  return {
    close: () =>
      new Promise((resolve) => {
        unlisten();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listenOnPort(server: Server, listen: string): Promise<void> {
  const at = listen.lastIndexOf(":");
  const host = listen.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  const port = Number(listen.slice(at + 1));
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(new CommandError(1, `cannot listen at ${listen}: ${error.message}`)));
    server.listen({ host, port }, () => resolve());
  });
}

function answering({ status, metrics, private: isPrivate }: Pages): RequestListener {
  return (request, response) => {
    const { method, url } = request;
    request.resume();
    const say = (code: number, type: string, body: string): void => {
      response.writeHead(code, { "content-type": type, "content-length": Buffer.byteLength(body) });
      response.end(method === "HEAD" ? "" : body);
    };
    if (method !== "GET" && method !== "HEAD") return say(405, "text/plain", "only GET\n");
    switch (url) {
      case "/healthz": {
        const { state } = status();
        return say(state === "ok" ? 200 : 503, "text/plain", `${state}\n`);
      }
      case "/metrics":
        metrics.text().then(
          (text) => say(200, metrics.contentType, text),
          () => say(500, "text/plain", "the metrics could not be collected\n"),
        );
        return;
      case "/status":
        if (isPrivate) return say(200, "application/json", `${JSON.stringify(status())}\n`);
        break;
      default:
    }
    return say(404, "text/plain", "there is /healthz and /metrics\n");
  };
}

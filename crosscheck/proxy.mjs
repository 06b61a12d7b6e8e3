// A proxy that writes down every exchange and changes nothing.

import { createHash } from "node:crypto";
import http from "node:http";

export class Recorder {
  // `take` gets every exchange as it happens; without it they are kept.
  constructor(take) {
    this.exchanges = [];
    this.count = 0;
    this.take = take ?? ((one) => this.exchanges.push(one));
  }

  // Serves `service` on a free loopback port, or on a Unix socket, and passes everything on to
  // `target` ({host, port} or {socketPath}).
  async serve(service, target, socketPath) {
    const server = http.createServer((request, answer) => this.#pass(service, target, request, answer));
    server.keepAliveTimeout = 1000;
    await new Promise((done, failed) => {
      server.once("error", failed);
      if (socketPath) server.listen(socketPath, done);
      else server.listen(0, "127.0.0.1", done);
    });
    return { server, url: socketPath ?? `http://127.0.0.1:${server.address().port}` };
  }

  async #pass(service, target, request, answer) {
    try {
      const asked = await whole(request);
      // One connection for each request: what a client does with its own is not ours to repeat.
      const headers = { ...request.headers, connection: "close" };
      const onward = http.request({ ...target, method: request.method, path: request.url, headers, agent: false });
      onward.end(asked);
      const reply = await new Promise((done, failed) => onward.once("response", done).once("error", failed));
      const body = await whole(reply);
      const { connection, "transfer-encoding": _, ...kept } = reply.headers;
      answer.writeHead(reply.statusCode, kept);
      answer.end(body);
      this.#keep(service, request, asked, reply, body);
    } catch (error) {
      console.error(`proxy: ${request.method} ${request.url}: ${error.message}`);
      answer.destroy();
    }
  }

  #keep(service, request, asked, reply, body) {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname.startsWith("/_emulator/")) return;
    this.count += 1;
    this.take({
      service,
      agent: request.headers["user-agent"] ?? "",
      version: request.headers["x-github-api-version"] ?? request.headers["notion-version"] ?? "",
      accept: request.headers.accept ?? "",
      method: request.method,
      path: url.pathname,
      query: url.search,
      form: request.headers["content-type"] ?? "",
      asked: json(asked),
      status: reply.statusCode,
      type: reply.headers["content-type"] ?? "",
      length: body.length,
      digest: createHash("sha1").update(body).digest("base64"),
      body: json(body),
    });
  }
}

async function whole(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

function json(bytes) {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

// Which client sent a request, by its own word.
export function client(agent) {
  if (/GitHub CLI/i.test(agent)) return "gh";
  if (/^git\//.test(agent)) return "git";
  if (/octokit-rest\.js|octokit-core\.js/.test(agent)) return "@octokit/rest";
  if (/notionhq-client/.test(agent)) return "@notionhq/client";
  return "notion-sync";
}

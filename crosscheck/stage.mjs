// Starts and stops what the scenario needs: the emulators, the recording proxies, the program, git, gh.

import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { Recorder } from "./proxy.mjs";

const run = promisify(execFile);
// A machine that does much else at the same time is no fault of the program.
const PATIENCE = 1_200_000;

export class Stage {
  // `settings` writes the configuration from where everything is and the bounds. With `take` every
  // exchange is handed over as it happens instead of being kept.
  static async open({ program, emulator, gh, world, work, settings, take }) {
    const stage = new Stage();
    Object.assign(stage, {
      program, gh, work, recorder: new Recorder(take), servers: [], syncs: [], key: randomBytes(32).toString("base64"),
    });
    const socket = join(work, "emulated.sock");
    stage.child = spawn(emulator, [
      ...(emulator === program ? ["emulate"] : []),
      "--notion", "127.0.0.1:0", "--github", "127.0.0.1:0",
      "--github-socket", socket, "--git-root", join(work, "repositories"),
      "--world", world, "--bounds", "small", "--json",
    ], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: stage.child.stdout });
    const first = await new Promise((done, failed) => {
      lines.once("line", (text) => done(text));
      lines.once("close", () => failed(new Error("emulate ended before it was ready")));
      stage.child.once("error", failed);
      stage.child.once("exit", (code) => failed(new Error(`emulate ended with ${code} before it was ready`)));
    });
    stage.where = JSON.parse(first);
    const behind = (text) => ({ host: new URL(text).hostname, port: new URL(text).port });
    const serve = async (...words) => {
      const { server, url } = await stage.recorder.serve(...words);
      stage.servers.push(server);
      return url;
    };
    stage.notionUrl = await serve("notion", behind(stage.where.notion.base_url));
    stage.githubUrl = await serve("github", behind(stage.where.github.api_url));
    stage.socket = await serve("github", { socketPath: socket }, join(work, "people.sock"));
    stage.#configure(settings);
    return stage;
  }

  #configure(settings) {
    const bounds = Object.entries(this.where.bounds).map(([name, value]) => `${name} = ${value}`);
    writeFileSync(join(this.work, "notion-sync.toml"), settings(this.where, bounds));
    const config = join(this.work, "gh");
    mkdirSync(config, { recursive: true });
    writeFileSync(join(config, "config.yml"), `version: "1"\nprompt: disabled\nhttp_unix_socket: ${this.socket}\n`);
  }

  // Runs the program until nothing is under way any more; answers its exit code.
  async sync(...words) {
    const mark = this.recorder.count;
    const from = this.recorder.exchanges.length;
    const { code, stdout, stderr } = await this.command("sync", "--wait", ...words);
    this.syncs.push({ code, requests: this.recorder.count - mark });
    return { code, text: `${stdout}${stderr}`, stdout, exchanges: this.recorder.exchanges.slice(from) };
  }

  // Runs a command of the program: {code, stdout, stderr}.
  async command(...words) {
    const [name, ...rest] = words;
    const result = await run(this.program, [name, "--config", join(this.work, "notion-sync.toml"), ...rest], {
      cwd: this.work,
      timeout: PATIENCE,
      maxBuffer: 1 << 28,
      env: {
        PATH: process.env.PATH,
        HOME: this.work,
        RUST_LOG: "warn",
        NOTION_API_BASE_URL: this.notionUrl,
        NOTION_INTEGRATION_TOKEN: this.where.notion.token,
        GITHUB_API_URL: this.githubUrl,
        GITHUB_GRAPHQL_URL: `${this.githubUrl}/graphql`,
        GITHUB_TOKEN: this.where.github.tokens["sync-bot"],
        ENCRYPTION_KEY: this.key,
      },
    }).then(({ stdout, stderr }) => ({ code: 0, stdout, stderr }), (error) => error);
    if (typeof result.code !== "number") throw result;
    return { code: result.code, stdout: result.stdout, stderr: result.stderr };
  }

  // What an emulator wrote down since a mark: {mark, entries}.
  async log(service, since = 0) {
    const base = service === "notion" ? this.where.notion.base_url : this.where.github.api_url;
    const answer = await fetch(new URL(`/_emulator/log?since=${since}`, base));
    if (!answer.ok) throw new Error(`the log of ${service} answered ${answer.status}`);
    return answer.json();
  }

  async git(folder, ...words) {
    const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"];
    const { stdout } = await run("git", [...identity, "-C", folder, ...words], {
      maxBuffer: 1 << 26,
      env: { PATH: process.env.PATH, HOME: this.work, GIT_TERMINAL_PROMPT: "0", GIT_CONFIG_NOSYSTEM: "1" },
    });
    return stdout;
  }

  // Where git finds a repository, as a person.
  remote(repository, login) {
    const url = new URL(this.where.github.git_base);
    url.username = login;
    url.password = this.where.github.tokens[login];
    return `${url.toString().replace(/\/$/, "")}/${repository}.git`;
  }

  async cli(login, ...words) {
    const { stdout } = await run(this.gh, words, {
      cwd: this.work,
      maxBuffer: 1 << 26,
      env: {
        PATH: process.env.PATH,
        HOME: this.work,
        GH_CONFIG_DIR: join(this.work, "gh"),
        GH_TOKEN: this.where.github.tokens[login],
        GH_NO_UPDATE_NOTIFIER: "1",
        GH_TELEMETRY: "false",
        GH_PROMPT_DISABLED: "1",
        NO_COLOR: "1",
      },
    });
    return stdout;
  }

  async close() {
    for (const server of this.servers) {
      server.closeAllConnections();
      server.close();
    }
    if (this.child.exitCode === null) {
      const ended = new Promise((done) => this.child.once("exit", done));
      this.child.kill("SIGTERM");
      const timer = setTimeout(() => this.child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(timer);
    }
  }
}

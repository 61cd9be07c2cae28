/**
 * The beginner's course, on real servers made from the distribution's packages: redis, MariaDB as "mysql", WordPress on
 * Apache linked to it. Every command is typed as it stands in the course, through the real docker client or naru's.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { eventually, NARU, PROJECT, startDaemon, type TestDaemon } from "../support/daemon.ts";

const PACKAGES = [
  "nginx-light",
  "redis-server",
  "mariadb-server",
  "wordpress",
  "apache2",
  "libapache2-mod-php",
  "php-mysql",
];
/** The made image is kept between runs on one machine; a fresh clone makes it anew. */
const CACHE = join(PROJECT, ".cache/images/services.tar");

const MYSQL = `#!/bin/sh
install -d -o mysql -g mysql /run/mysqld
cat >/tmp/init.sql <<SQL
CREATE DATABASE IF NOT EXISTS wordpress;
CREATE USER IF NOT EXISTS 'root'@'%' IDENTIFIED BY '';
GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;
SQL
[ "$MYSQL_ALLOW_EMPTY_PASSWORD" = true ] || { echo "set MYSQL_ALLOW_EMPTY_PASSWORD" >&2; exit 1; }
exec mariadbd --user=mysql --bind-address=0.0.0.0 --init-file=/tmp/init.sql
`;
const WORDPRESS = `#!/bin/sh
cat >/etc/wordpress/config-default.php <<PHP
<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', '');
define('DB_HOST', '$WORDPRESS_DB_HOST'); define('WP_CONTENT_DIR', '/var/lib/wordpress/wp-content');
PHP
sed -i 's#/var/www/html#/usr/share/wordpress#' /etc/apache2/sites-available/000-default.conf
ln -sf /dev/stdout /var/log/apache2/access.log
exec apachectl -D FOREGROUND
`;

let daemon: TestDaemon;
const out = async (words: string[]) => {
  const result = await daemon.docker(words, { timeoutMs: 300_000 });
  if (result.code !== 0) throw new Error(`docker ${words.join(" ")}: ${result.stderr}`);
  return result.stdout.trim();
};

/** Puts a start script into the services image and names the result, as \`cp\` and \`commit\` do. */
async function makeServerImage(tag: string, command: string[], script?: string): Promise<void> {
  await out(["create", "--name", "making", "services"]);
  if (script) {
    const archive = await new Bun.Archive({ "start-server": script }).bytes();
    const copied = await daemon.docker(["cp", "-", "making:/usr/local/bin"], { stdin: archive });
    expect(copied.stderr).toBe("");
  }
  await out(["commit", "-c", `CMD ${JSON.stringify(command)}`, "making", tag]);
  await out(["rm", "making"]);
}

beforeAll(async () => {
  daemon = await startDaemon();
  if (await Bun.file(CACHE).exists()) {
    await out(["load", "-i", CACHE]);
  } else {
    const made = await daemon.naru(
      ["image", "bootstrap", "debian:bookworm", "--include", PACKAGES.join(","), "--tag", "services"],
      { timeoutMs: 400_000 },
    );
    expect({ code: made.code, stderr: made.code === 0 ? "" : made.stderr }).toEqual({ code: 0, stderr: "" });
    await mkdir(join(PROJECT, ".cache/images"), { recursive: true });
    await out(["save", "-o", CACHE, "services"]);
  }
  await makeServerImage("ubuntu:16.04", ["/bin/bash"]);
  await makeServerImage("redis", ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no"]);
  await makeServerImage("mysql:5.7", ["sh", "/usr/local/bin/start-server"], MYSQL);
  await makeServerImage("wordpress", ["sh", "/usr/local/bin/start-server"], WORDPRESS);
  await makeServerImage("nginx", ["nginx", "-g", "daemon off;"]);
}, 500_000);
afterAll(() => daemon?.stop());

test("run --rm -it ubuntu:16.04 /bin/bash", async () => {
  const child = Bun.spawn([NARU, "run", "--rm", "-it", "ubuntu:16.04", "/bin/bash"], {
    env: { ...process.env, ...daemon.env },
    terminal: { cols: 80, rows: 24, data: () => {} },
  });
  await eventually(async () => (await out(["ps", "-q"])) !== "");
  child.terminal?.write("exit 11\n");
  expect(await child.exited).toBe(11);
  expect(await out(["ps", "-aq"])).toBe("");
});

test("run -d -p 1234:6379 redis answers its protocol", async () => {
  await out(["run", "-d", "--name", "cache", "-p", "1234:6379", "redis"]);
  const ask = async () => {
    let answer = "";
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: 1234,
      socket: {
        data: (_socket, bytes) => {
          answer += bytes.toString();
        },
      },
    });
    socket.write("SET a 1\r\nINCR a\r\n");
    await Bun.sleep(100);
    socket.end();
    return answer;
  };
  await eventually(async () => (await ask().catch(() => "")) === "+OK\r\n:2\r\n");
  expect(await out(["stop", "cache"])).toBe("cache");
  expect(await out(["inspect", "-f", "{{.State.ExitCode}}", "cache"])).toBe("0");
  await out(["rm", "cache"]);
});

test("mysql and wordpress linked to it; exec, logs, ps, rename, stop, rm, rmi as in the course", async () => {
  await out(["run", "-d", "-p", "3306:3306", "-e", "MYSQL_ALLOW_EMPTY_PASSWORD=true", "--name", "mysql", "mysql:5.7"]);
  const query = (sql: string) => daemon.docker(["exec", "mysql", "mysql", "-uroot", "-N", "-e", sql]);
  await eventually(async () => (await query("SHOW DATABASES LIKE 'wordpress'")).stdout === "wordpress\n", 60_000);
  await out([
    "run",
    "-d",
    "-p",
    "8080:80",
    "--link",
    "mysql:mysql",
    "-e",
    "WORDPRESS_DB_HOST=mysql",
    "--name",
    "wp",
    "wordpress",
  ]);
  let page = "";
  await eventually(async () => {
    page = await fetch("http://127.0.0.1:8080/wp-admin/install.php").then(
      (r) => r.text(),
      () => "",
    );
    return page.includes("WordPress");
  }, 60_000);
  expect(page).toMatch(/<title>WordPress/);
  expect((await out(["ps", "--format", "{{.Names}} {{.Ports}}"])).split("\n")).toEqual([
    "wp 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp",
    "mysql 0.0.0.0:3306->3306/tcp, [::]:3306->3306/tcp",
  ]);
  expect((await out(["logs", "--tail", "10", "wp"])).split("\n").length).toBeLessThanOrEqual(10);
  let screen = "";
  const shell = Bun.spawn([NARU, "exec", "-it", "mysql", "mysql", "-uroot"], {
    env: { ...process.env, ...daemon.env },
    terminal: {
      cols: 80,
      rows: 24,
      data: (_terminal, bytes) => {
        screen += new TextDecoder().decode(bytes);
      },
    },
  });
  await eventually(() => screen.includes("> "));
  shell.terminal?.write("quit\n");
  expect(await shell.exited).toBe(0);
  await out(["rename", "wp", "blog"]);
  expect((await out(["ps", "-a", "--format", "{{.Names}}"])).split("\n")).toEqual(["blog", "mysql"]);
  expect(await out(["stop", "blog", "mysql"])).toBe("blog\nmysql");
  expect(await out(["rm", "blog", "mysql"])).toBe("blog\nmysql");
  expect(await out(["rmi", "wordpress"])).toContain("Untagged: wordpress:latest");
});

test("images, image ls, container ls, system df -v, info, version", async () => {
  expect(await out(["images"])).toMatch(/^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE/);
  expect(await out(["image", "ls", "-q"])).toMatch(/^[0-9a-f]{12}(\n[0-9a-f]{12})*$/);
  expect(await out(["container", "ls"])).toMatch(/^CONTAINER ID/);
  expect(await out(["system", "df", "-v"])).toContain("Images space usage:");
  expect(await out(["info"])).toContain(`Docker Root Dir: ${daemon.dataRoot}`);
  const version = await out(["version"]);
  expect(version).toContain("Client:");
  expect(version).toContain("Server:");
});

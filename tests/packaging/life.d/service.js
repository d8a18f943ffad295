// service.js NAME PAUSE_MS: a daemon on Node: dns.lookup, which is getaddrinfo(3) on its thread pool, and fetching over http.
'use strict';
const dns = require('dns');
const fs = require('fs');
const http = require('http');

const [client, pause] = [process.argv[2], Number(process.argv[3])];
const place = '/run/life';
const known = new Map(fs.readFileSync(`${place}/names`, 'utf8').trim().split('\n').map((line) => {
  const [name, addresses] = line.split(' ');
  return [name, addresses.split(',').sort().join(',')];
}));
const order = [...known.keys()];
const agent = new http.Agent({ keepAlive: false, maxSockets: 4 });
let count = 0;

const exists = (file) => fs.existsSync(`${place}/${file}`);
const some = (list) => list[Math.floor(Math.random() * list.length)];

function failed(what, error) {
  fs.appendFileSync(`${place}/out/${client}.failed`, `${(Date.now() / 1000).toFixed(3)} ${what}: ${error}\n`);
}

function done() {
  fs.writeFileSync(`${place}/out/${client}.count`, `${++count}\n`);
}

function lookUp(next) {
  const name = some(order);
  dns.lookup(name, { all: true }, (error, found) => {
    const text = error ? '' : found.map((one) => one.address).sort().join(',');
    if (error || text !== known.get(name)) failed(name, error || text);
    done();
    next();
  });
}

function fetch(next) {
  const url = `http://${some(order.filter((name) => name.startsWith('www')))}/health`;
  http.get(url, { agent }, (answer) => {
    let text = '';
    answer.on('data', (part) => { text += part; });
    answer.on('end', () => {
      if (text !== 'ok\n') failed(url, 'not the right page');
      done();
      next();
    });
  }).on('error', (error) => {
    failed(url, error);
    done();
    next();
  });
}

function repeat(work, delay) {
  if (exists('stop')) return;
  if (exists('pause')) setTimeout(() => repeat(work, delay), 50);
  else work(() => setTimeout(() => repeat(work, delay), delay));
}

repeat(lookUp, pause);
repeat(lookUp, pause);
repeat(fetch, pause * 4);

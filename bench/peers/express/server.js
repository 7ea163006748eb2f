'use strict';

const cluster = require('node:cluster');
const mongoose = require('mongoose');
const app = require('./app');
const kafka = require('./kafka');

const { MONGO_URI, MONGO_DATABASE, PORT, PROCESSES } = process.env;

async function serve() {
  await mongoose.connect(MONGO_URI, { dbName: MONGO_DATABASE });
  await kafka.connect();
  app.listen(Number(PORT), '127.0.0.1');
}

if (cluster.isPrimary) {
  for (let n = 0; n < Number(PROCESSES); n += 1) cluster.fork();
  cluster.on('exit', (worker, code) => {
    if (!worker.exitedAfterDisconnect) process.exit(code || 1);
  });
  process.on('SIGTERM', () => process.exit(0));
} else {
  process.on('disconnect', () => process.exit(0));
  serve().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}

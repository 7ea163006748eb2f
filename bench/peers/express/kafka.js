'use strict';

const { Kafka, Partitioners, logLevel } = require('kafkajs');

const kafka = new Kafka({
  clientId: 'express-orders',
  brokers: process.env.KAFKA_BROKER.split(','),
  logLevel: logLevel.ERROR,
});
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });

async function connect() {
  await producer.connect();
}

async function publishOrderCreated(order) {
  const value = JSON.stringify({ event: 'ORDER_CREATED', order });
  await producer.send({ topic: 'order-events', messages: [{ key: order.id, value }] });
}

module.exports = { connect, publishOrderCreated };

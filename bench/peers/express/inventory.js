'use strict';

const http = require('node:http');
const axios = require('axios');

const client = axios.create({
  baseURL: process.env.INVENTORY_SERVICE_URL,
  httpAgent: new http.Agent({ keepAlive: true }),
  timeout: 10000,
  proxy: false,
});

async function getStock(itemId) {
  const { data } = await client.get(`/api/items/stock/${itemId}`);
  return data.stock;
}

async function getPrice(itemId) {
  const { data } = await client.get(`/api/items/stock/${itemId}`);
  return data.price;
}

async function updateStock(itemId, stock) {
  await client.patch(`/api/items/update-stock/${itemId}`, { stock });
}

module.exports = { getStock, getPrice, updateStock };

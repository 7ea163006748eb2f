'use strict';

const express = require('express');
const mongoose = require('mongoose');
const Order = require('./order');
const inventory = require('./inventory');
const kafka = require('./kafka');

const app = express();
app.use(express.json());

app.post('/api/orders/create', async (req, res) => {
  const { itemId, quantity } = req.body;
  if (!mongoose.isValidObjectId(itemId) || !Number.isInteger(quantity) || quantity < 1) {
    return res.status(400).json({ message: 'itemId and quantity are required' });
  }

  const stock = await inventory.getStock(itemId);
  if (stock < quantity) {
    return res.status(400).json({ message: 'Insufficient stock' });
  }
  const price = await inventory.getPrice(itemId);
  await inventory.updateStock(itemId, stock - quantity);

  const order = new Order({ itemId, quantity, status: 'COMPLETED', totalPrice: price * quantity });
  await order.save();
  res.status(201).json({ message: 'Order created', order });

  kafka.publishOrderCreated(order).catch((error) => console.error(error.message));
});

app.get('/api/orders/:id', async (req, res) => {
  const order = mongoose.isValidObjectId(req.params.id) && (await Order.findById(req.params.id));
  if (!order) {
    return res.status(404).json({ message: 'Order not found' });
  }
  res.json({ order });
});

app.use((error, req, res, next) => {
  if (res.headersSent) return next(error);
  const status = error.response?.status === 404 ? 404 : 500;
  res.status(status).json({ message: error.message });
});

module.exports = app;

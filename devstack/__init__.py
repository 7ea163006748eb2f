"""Real servers for trying, developing and testing: MongoDB, Apache Kafka, a sample inventory.

``python -m devstack`` runs the servers with the service on top; tests take the parts one by one
(``devstack.mongod``, ``devstack.kafka``, ``devstack.inventory``). Not for production.
"""

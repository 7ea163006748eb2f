"""gunicorn's threaded worker with one rule more: no thread ever waits for a client.

A request is given to a thread when all of it has arrived, and its answer leaves the thread at
once, whether the client reads it or not. Whoever is slow waits in the main loop, where each step
has a total; so however many are slow, the threads serve the others.

``worker`` is that loop, ``waiting`` who waits in it and how long, ``threads`` what a thread does,
``connection`` one client's bytes, ``arriving`` the word on whether a request is whole, ``reading``
gunicorn's parsing of it, ``refusals`` what is answered to those that never reach the application.
"""

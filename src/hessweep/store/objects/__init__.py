"""Results on an object store: S3 and compatible stores, Google Cloud Storage, Azure.

Where a folder has locks and renames, an object store has conditional writes: create an object if
there is none, replace it if it is still the version that was read. Reservations and publishing
rest on these.
"""

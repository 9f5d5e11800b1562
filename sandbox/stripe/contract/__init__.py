"""What Stripe accepts and answers, read at run time from the source of the installed `stripe` SDK.

Nothing is vendored: the SDK is generated from Stripe's own API description, so its annotations are that description in
another notation. `source` reads modules, `schemas` turns annotations into closed JSON Schemas, `operations` lists which
parameters and which answer belong to a method and path, `checks` compares real traffic with them.
"""

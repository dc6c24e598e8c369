"""What `launch/tpu_vm.py` is made of."""

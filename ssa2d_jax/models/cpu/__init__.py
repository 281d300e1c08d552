"""The network's operations rewritten for CPUs: equal to their lax forms up to float rounding, and faster there.

convolution.py chooses the form of each convolution: few channels are a matrix product (matmul.py), many of 3x3 taps
take Winograd's form (winograd.py, with the sums of minimal_filtering.py), all others are 2-D convolutions of the
frames (frames.py). Their kernels' gradients are matrix products (kernel_gradient.py). Max pooling is in pooling.py.
"""

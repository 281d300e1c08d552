"""The network's operations rewritten for CPUs: equal to their lax forms up to float rounding, and faster there.

convolution.py chooses the form of each convolution and of its gradients. Few channels are a matrix product (matmul.py).
Many channels on large maps, with 3x3 taps, take Winograd's form (winograd.py, which is made of block_filtering.py and
minimal_filtering.py), and so do transposed convolutions. All others are 2-D convolutions of the frames (frames.py),
and the gradients of their kernels matrix products (kernel_gradient.py). phases.py and strides.py take strides apart.
Max pooling is in pooling.py.
"""
